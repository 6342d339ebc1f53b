"""Pools in the live edition: a tunnel that is dead, or that is told to, changes its server."""
