"""What holds for every kind of engine: making one by name, pools, deadlines."""
