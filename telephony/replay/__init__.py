"""What is made from the record of a call."""
