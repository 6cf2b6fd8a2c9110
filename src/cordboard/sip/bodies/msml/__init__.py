"""MSML, the Media Server Markup Language (RFC 5707): how a controller tells a media server what to do with its legs.

``model`` has the requests, the dialogs and what comes back as types, ``read`` and ``write`` the way from and to XML.
Types of bodies are :data:`CONTENT_TYPE`; they go in the INVITE of a leg, in its answer, and in INFO.
"""

from typing import Final

CONTENT_TYPE: Final = "application/msml+xml"
"""The Content-Type of a body (RFC 5707 section 16)."""
