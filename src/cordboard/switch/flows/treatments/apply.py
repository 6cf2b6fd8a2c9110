"""ApplyTreatment and RouteCall, as a desktop asks for them.

Who hears a treatment: the caller of a call that waits at ThisDN, a Routing Point; or the party that ThisDN, any other
DN, holds, in place of its music.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cordboard.model.enums import TreatmentType
from cordboard.model.errors import Code, TLibError
from cordboard.model.party import PartyState
from cordboard.switch.flows.music import Parted
from cordboard.switch.flows.treatments.plans import plan
from cordboard.switch.flows.treatments.treatment import Treatment
from cordboard.switch.flows.waiting import Waiting, available

if TYPE_CHECKING:
    from cordboard.model.party import Party
    from cordboard.model.ports import Link
    from cordboard.model.requests import ApplyTreatment
    from cordboard.model.userdata import KVList
    from cordboard.switch.callflow import CallFlow
    from cordboard.switch.delivery.at_point import AtPoint
    from cordboard.switch.services.plan import Plan


def route(flow: CallFlow, party: Party, number: str, reference_id: int, link: Link | None) -> None:
    """Carries out RouteCall. Raises TLibError."""
    _point(flow, party).route(number, reference_id, link)


def _point(flow: CallFlow, party: Party) -> AtPoint:
    point = flow.server.points.get(party)
    if point is None:
        raise TLibError(Code.WRONG_STATE, "does not wait at a Routing Point")
    return point


def apply(flow: CallFlow, party: Party, request: ApplyTreatment, reference_id: int, link: Link | None) -> None:
    """Carries out ApplyTreatment. Raises TLibError for what is wrong from the start."""
    kind, parameters = request.treatment_type, request.parameters
    point = flow.server.points.get(party)
    if point is not None:
        _at_point(flow, point, kind, parameters, reference_id, link)
    elif party.state is PartyState.HELD and isinstance(flow.arrangement, Parted):
        _held(flow, flow.arrangement, party, kind, parameters, reference_id, link)
    else:
        raise TLibError(Code.WRONG_STATE, party.state.value)


def _at_point(
    flow: CallFlow,
    point: AtPoint,
    kind: TreatmentType,
    parameters: KVList | None,
    reference_id: int,
    link: Link | None,
) -> None:
    reporter = flow.server.reporter
    leg = flow.a
    if kind is TreatmentType.CANCEL_CALL:
        flow.clear(point.party, reference_id, link)
        return

    def over() -> None:
        if point.treatment is treatment:
            point.treatment = None
            point.wait()

    treatment = Treatment(reporter, point.party, kind, reference_id, link, over)
    if kind is TreatmentType.SET_DEFAULT_ROUTE:
        number = str((parameters or {}).get("DESTINATION", ""))
        if flow.server.find(number) is None:
            raise TLibError(Code.INVALID_DESTINATION, number)
        point.default = number
        treatment.begin()
        treatment.end({})
        return
    wanted = plan(kind, parameters, flow.server.settings)
    if flow.branches is not point.delivery or leg is None or leg.over:
        raise TLibError(Code.WRONG_STATE, "the call is still being transferred")
    if point.routing:
        raise TLibError(Code.WRONG_STATE, "is being routed")
    if kind is TreatmentType.RING_BACK and leg.early and wanted.errand.endless:
        # The caller's own phone makes it.
        _put(point, treatment)
        treatment.begin()
        return
    _available(flow, wanted)
    _put(point, treatment)
    waiting = flow.arrangement
    if not isinstance(waiting, Waiting):
        waiting = Waiting(flow, leg)
        flow.rearrange(waiting)
    waiting.play(wanted, treatment.told)


def _put(point: AtPoint, treatment: Treatment) -> None:
    """A treatment takes the place of the one before."""
    before, point.treatment = point.treatment, treatment
    if before is not None:
        before.replaced()
    point.rest()


def _available(flow: CallFlow, wanted: Plan) -> None:
    if not available(flow, wanted.errand):
        raise TLibError(Code.NO_SERVICE, wanted.errand.need)


def _held(
    flow: CallFlow,
    parted: Parted,
    party: Party,
    kind: TreatmentType,
    parameters: KVList | None,
    reference_id: int,
    link: Link | None,
) -> None:
    session = flow.session_of(party)
    other = flow.session_opposite(session) if session is not None else None
    opposite = flow.party_opposite(session) if session is not None else None
    if other is None or opposite is None or opposite.state is PartyState.HELD or flow.transfer is not None:
        raise TLibError(Code.WRONG_STATE, "there is nobody to hear it")
    wanted = plan(kind, parameters, flow.server.settings)
    _available(flow, wanted)
    treatment = Treatment(flow.server.reporter, party, kind, reference_id, link, lambda: None)
    parted.treat(other, wanted, treatment)
