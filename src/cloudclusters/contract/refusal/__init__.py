"""Why nothing fits, and what would: minimal conflicts, rejections per constraint, and the nearest relaxations."""
