"""Places: how many entries stand before one, kept in blocks so that neither a page nor a verdict counts a board.

A block holds at most `SIZE` entries; one that grows beyond is split in two, one that has lost all its entries goes. The
block that begins with the empty key is there as long as the board has had an entry, and is the lock of the board:
whoever changes entries or blocks of a phase holds its row until the transaction ends, so that changes of a board take
turns (SQLite's transactions take turns anyway). Take it before locks of other rows that several people may want.

Entries also go with their submission or their owner, which the object mapper deletes by itself. Signals are the one
place that sees every such way, so the blocks follow them; what is written past them, in bulk, is counted by `rebuild`.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F, Model, QuerySet
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from podium.site.competitions.models import Competition, Phase
from podium.site.leaderboards.models import Block, Entry

SIZE = 512
"""Entries of a block at most: what a page may have to step over, and what a split has to read."""


def take_turn(phase_id: int) -> None:
    """Hold the board of a phase until the transaction ends."""
    if not _lock(phase_id):
        Block.objects.bulk_create([Block(phase_id=phase_id, first_key="", count=0)], ignore_conflicts=True)
        _lock(phase_id)


def _lock(phase_id: int) -> bool:
    first = Block.objects.select_for_update(of=("self",)).filter(phase=phase_id, first_key="")
    return bool(first.values_list("pk", flat=True))


def _block_of(phase_id: int, key: str) -> QuerySet[Block]:
    """The block that `key` belongs to, as the first of these."""
    return Block.objects.filter(phase=phase_id, first_key__lte=key).order_by("-first_key")


@transaction.atomic(savepoint=False)
def _enter(phase_id: int, key: str) -> None:
    """Count an entry that has been written."""
    take_turn(phase_id)
    block = _block_of(phase_id, key)[0]
    if block.count < SIZE:
        Block.objects.filter(pk=block.pk).update(count=F("count") + 1)
        return
    kept = (block.count + 1) // 2
    keys = Entry.objects.filter(phase=phase_id, sort_key__gte=block.first_key).order_by("sort_key")
    middle = next(iter(keys.values_list("sort_key", flat=True)[kept : kept + 1]), None)
    if middle is None or middle <= block.first_key:
        rebuild(phase_id)  # the count was wrong
        return
    Block.objects.filter(pk=block.pk).update(count=kept)
    Block.objects.create(phase_id=phase_id, first_key=middle, count=block.count + 1 - kept)


@transaction.atomic(savepoint=False)
def _leave(phase_id: int, key: str) -> None:
    """Count out an entry that has been deleted."""
    if not _lock(phase_id):
        return
    block = _block_of(phase_id, key)[0]
    if block.count <= 1 and block.first_key:
        block.delete()
    else:
        Block.objects.filter(pk=block.pk, count__gt=0).update(count=F("count") - 1)


def move(entry: Entry, key: str) -> None:
    """Give an entry another sort key, in the caller's turn."""
    if entry.sort_key == key:
        return
    _leave(entry.phase_id, entry.sort_key)
    Entry.objects.filter(pk=entry.pk).update(sort_key=key)
    entry.sort_key = key
    _enter(entry.phase_id, key)


@transaction.atomic
def rebuild(phase_id: int) -> None:
    """Count the entries of a phase anew; after entries were written in bulk."""
    take_turn(phase_id)
    Block.objects.filter(phase=phase_id).exclude(first_key="").delete()
    keys = Entry.objects.filter(phase=phase_id).order_by("sort_key").values_list("sort_key", flat=True)
    first, count, made = "", 0, []
    for key in keys.iterator(chunk_size=2000):
        if count == SIZE // 2:
            made.append(Block(phase_id=phase_id, first_key=first, count=count))
            first, count = key, 0
        count += 1
    made.append(Block(phase_id=phase_id, first_key=first, count=count))
    Block.objects.filter(phase=phase_id, first_key="").update(count=made[0].count)
    Block.objects.bulk_create(made[1:], batch_size=500)


@receiver(post_save, sender=Entry)
def _written(instance: Entry, created: bool, **_: Any) -> None:
    if created:
        _enter(instance.phase_id, instance.sort_key)


@receiver(post_delete, sender=Entry)
def _deleted(instance: Entry, origin: Model | QuerySet[Any] | None = None, **_: Any) -> None:
    if not isinstance(origin, Phase | Competition):  # with these the blocks go themselves
        _leave(instance.phase_id, instance.sort_key)
