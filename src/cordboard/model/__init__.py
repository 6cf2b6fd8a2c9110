"""The call model: T-Library's words. No SIP, no input or output, no clock."""
