"""Nothing leaves but through the tunnel, in the live edition, beside other networks.

A container and its neighbours do their worst (sender.py, neighbour.py), and all frames in the
host's namespace are captured. A scenario is a function that returns what has leaked. Its test
expects nothing. test_planted_faults.py runs it on a plugin with a fault, and expects something.
"""
