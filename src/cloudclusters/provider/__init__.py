"""Where machines come from. A provider says where a node answers; it never talks to the node."""
