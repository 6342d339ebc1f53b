"""Nothing leaves a shared network but through its router's tunnel, whatever goes wrong."""
