"""Docker's side: its network driver protocol over HTTP, decoded and encoded."""
