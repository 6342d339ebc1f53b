"""Nothing of a container leaves but through its tunnel: seen in every frame of the host.

A container does its worst (prober.py) while every frame on every interface of the host's network
namespace is captured (capture.py); what of it may be there, and what is a leak, is in boundary.py.
"""
