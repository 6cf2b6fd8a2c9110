"""A call on its way, from the number that was dialled to the phone that is picked up, or to the reason for none.

    number --> DN -----------> INVITE to its phones --> answered
      ^         |                   | 302, 486, 600, 603, no answer, out of service
      '---------+-- forwarding <----'
      |
      +--> hunt group --> members, one after the other or all at once
      '--> outside ----> trunk after trunk, while they fail by 5xx, 6xx, 408, timeout or transport; 3xx followed

One file each:

- ``delivery``: the way itself with its guard against loops, and the parties it makes and takes out.
- ``attempt``: one DN, or one trunk, being called, and whom the caller is connected to then.
- ``offer``: what the caller brings, and the INVITE that is made of it for whoever is called.
- ``forwarding``: where a DN that does not take the call sends it.
- ``hunt``: the members of a hunt group, in turn.
- ``trunks``: the trunks of a number outside, and the contacts of their 3xx, in turn.
- ``refusals``: why a call is not delivered, and what that means to the caller.
"""

from cordboard.switch.delivery.delivery import RINGING, Delivery
from cordboard.switch.delivery.offer import Offer
from cordboard.switch.delivery.refusals import Refusal, error_of, outcome_of, refusal_of

__all__ = ["RINGING", "Delivery", "Offer", "Refusal", "error_of", "outcome_of", "refusal_of"]
