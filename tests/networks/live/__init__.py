"""Tests of the live edition's tunnels: on a kernel in memory, in virtual time."""
