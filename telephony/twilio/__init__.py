"""Twilio: webhooks, TwiML, signatures."""
