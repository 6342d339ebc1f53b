"""The Docker side: Docker's network driver protocol over HTTP, decoded and encoded."""
