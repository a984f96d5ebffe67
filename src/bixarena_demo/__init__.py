"""Stand-ins on this machine for what the deployed task meets, and the demo that uses them."""
