"""MSML carried out (RFC 5707): dialogs on legs and conferences, joins, and what is told to who controls them.

INVITE or INFO --> control: request by request --> conferences, joins, dialogs --> result in the answer
dialog: step by step (play, collect, record, tones, digits) --> events in INFO
"""
