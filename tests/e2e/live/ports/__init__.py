"""Published ports: who is answered, which ports they are, and what they survive."""
