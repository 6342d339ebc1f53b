"""What only the live edition does: EDITION=live makes the plugin under test one of that edition."""
