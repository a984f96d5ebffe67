"""``bixarena status``: what the last runs did and when the next is due."""
