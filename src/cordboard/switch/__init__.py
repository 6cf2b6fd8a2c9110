"""The SIP Server: who may call whom, and what becomes of a call. One small file per flow."""
