"""Calls run again in virtual time, judged and reported; and what else is made from the record of a call."""
