"""Words that every floor shares: places, offers, machines, handles, waiting, the one loop and the door."""
