"""The machine loses its power: what Docker starts again afterwards comes back into its tunnel.

The machine is the lab's, killed from outside and booted again on the same disk.
"""
