"""What survives what on shared networks: mostly the tests of tests/e2e/faults, in this mode."""
