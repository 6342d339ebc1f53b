"""Whatever dies, stops or fills up: tunnels go on, containers come back, nothing is left."""
