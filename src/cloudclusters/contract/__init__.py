"""From a wish to a decision: contract, resolution and plan. Pure; import what you need from its modules."""
