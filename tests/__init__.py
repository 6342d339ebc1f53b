"""Tests: unit tests beside this file, the lab in lab/, end-to-end tests in e2e/."""
