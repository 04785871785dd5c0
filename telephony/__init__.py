"""The lines, and the service that hosts them. Imports agent; agent never imports telephony."""
