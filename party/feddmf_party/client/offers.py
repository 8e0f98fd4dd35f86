"""What is offered and what is taken back, this party's and its peers'."""

from __future__ import annotations

from collections.abc import Iterator

from feddmf.errors import PayloadError
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.pace import travel_s
from feddmf_party.client.answers import paced
from feddmf_party.client.bounds import ASK, KEYS_A_PART, LONGEST_NAME, LONGEST_OFFER
from feddmf_party.client.connection import Connection
from feddmf_party.egress import ClearedOffer, ClearedWithdrawal
from feddmf_party.expiry import LATEST_MS
from feddmf_party.terms import Withdrawal

__all__ = ["Offers"]

_LONGEST_REASON = 500


class Offers(Connection):
    """Calls about offers and withdrawals."""

    async def announce_offer(self, offer: ClearedOffer) -> None:
        """Tell the coordinator which items this party is ready to publish."""
        limit_s = self._settings.call_s + travel_s(sum(len(key.encode()) + 4 for key in offer.keys))

        def parts(ledger: pb.LedgerHead) -> Iterator[pb.OfferPart]:
            yield pb.OfferPart(catalogue_version=offer.catalogue_version, ledger=ledger)
            for start in range(0, len(offer.keys), KEYS_A_PART):
                items = [pb.OfferedItem(key=key) for key in offer.keys[start : start + KEYS_A_PART]]
                yield pb.OfferPart(items=items)

        async def once(ledger: pb.LedgerHead) -> None:
            ack = await self._stub.AnnounceOffer(parts(ledger), timeout=limit_s)
            self._end.keep(ledger, ack.countersignature)
            await self._end.settle()

        await self._telling(once)

    async def offers(self) -> tuple[tuple[str, str, str], ...]:
        """Fetch what the peers are ready to publish: (owner, key, label) of each item."""

        async def once() -> tuple[tuple[str, str, str], ...]:
            found: list[tuple[str, str, str]] = []
            call = self._stub.ListOffers(pb.ListOffersRequest())
            async with paced(call, self._settings.call_s) as stream:
                async for part in stream:
                    found.extend((part.owner, item.key, item.label) for item in part.items)
                    if len(found) > LONGEST_OFFER:
                        raise PayloadError("the peers offer over a million items", hint="ask the operator")
            return tuple(found)

        return await self._call(once)

    async def withdraw(self, cleared: ClearedWithdrawal) -> None:
        """Take back what was published after a run, as the gate cleared it."""

        async def once(ledger: pb.LedgerHead) -> None:
            request = pb.WithdrawRequest(
                run=cleared.run, keys=cleared.keys, reason=cleared.reason, ledger=ledger
            )
            ack = await self._stub.Withdraw(request, timeout=self._settings.call_s)
            self._end.keep(ledger, ack.countersignature)
            await self._end.settle()

        await self._telling(once)

    async def withdrawals(self) -> tuple[Withdrawal, ...]:
        """Fetch what peers took back of what they had published in runs of this party, oldest first."""

        async def once() -> tuple[Withdrawal, ...]:
            found: list[Withdrawal] = []
            names = 0
            call = self._stub.ListWithdrawals(pb.ListWithdrawalsRequest())
            async with paced(call, self._settings.call_s) as stream:
                async for part in stream:
                    names += 1 + len(part.keys)
                    if names > LONGEST_OFFER or any(len(key) > LONGEST_NAME for key in part.keys):
                        raise PayloadError("withdrawals of over a million items, or overlong ones", hint=ASK)
                    at_ms, reason = min(part.at_ms, LATEST_MS), part.reason[:_LONGEST_REASON]
                    keys = tuple(part.keys)
                    found.append(Withdrawal(at_ms, part.run, part.party, keys, reason))
            return tuple(found)

        return await self._call(once)
