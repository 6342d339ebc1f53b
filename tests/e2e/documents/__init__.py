"""What the documents say is done, word for word: the pages' commands, and the compose examples."""
