"""Reading what a call is run again from: a call's folder, or a plain recording, as a Recorded."""
