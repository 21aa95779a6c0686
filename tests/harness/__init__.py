"""What the tests stand on: a running lambdock, clients for it, and eyes on the container engine."""
