"""``bixarena rank``: leaderboards from files of votes."""
