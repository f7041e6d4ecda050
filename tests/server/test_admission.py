"""Who waits and goes away just when a place is given back."""

import asyncio
from collections.abc import Callable

import pytest

from oss_cli.server.admission import Admission
from oss_cli.server.wire_errors import WireError


async def gone_while(happens: Callable[[Admission], None], *, is_before: bool) -> Admission:
    """One has the place, one waits for it and goes away at the moment at which something happens."""
    admission = Admission(1, 4)
    await admission.enter()
    waiting = asyncio.create_task(admission.enter())
    await asyncio.sleep(0)
    if is_before:
        waiting.cancel()
    happens(admission)
    if not is_before:
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    return admission


@pytest.mark.parametrize("is_before", [True, False])
def test_a_place_that_is_given_back_to_one_who_is_gone_is_free(*, is_before: bool) -> None:
    async def check() -> None:
        admission = await gone_while(lambda admission: admission.leave(0.1), is_before=is_before)
        assert (admission.running, admission.waiting) == (0, 0)
        await admission.enter()
        assert admission.running == 1

    asyncio.run(check())


@pytest.mark.parametrize("is_before", [True, False])
def test_who_is_sent_away_and_gone_already_takes_no_place(*, is_before: bool) -> None:
    async def check() -> None:
        admission = await gone_while(Admission.close, is_before=is_before)
        assert (admission.running, admission.waiting) == (1, 0)
        with pytest.raises(WireError):
            await admission.enter()

    asyncio.run(check())
