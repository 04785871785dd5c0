"""What the service logs: one line for each thing that happened, with its call, without secrets, never a flood."""
