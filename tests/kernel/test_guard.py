"""A tunnel's nftables are as they were installed, unless somebody else may have changed them."""

from wgplugin.kernel.guard import Guard

HOME, WORK = 1, 2


def installed(guard: Guard, owner: int, before: int, after: int, own: int = 1) -> None:
    guard.installed(owner, guard.changed(before, own, after))


def test_nothing_is_guarded_before_anything_is_installed() -> None:
    guard = Guard()
    assert not guard.holds(1)
    guard.changed(1, 0, 1)
    assert not guard.holds(1)


def test_what_is_installed_is_guarded_while_nobody_else_changes_anything() -> None:
    guard = Guard()
    installed(guard, HOME, before=5, after=7, own=2)
    assert guard.holds(7)
    assert not guard.holds(8)


def test_own_changes_leave_all_tunnels_guarded() -> None:
    guard = Guard()
    installed(guard, HOME, before=5, after=6)
    installed(guard, WORK, before=6, after=7)
    guard.changed(7, 2, 9)
    assert guard.holds(9)


def test_after_another_s_change_all_tunnels_are_installed_again_before_they_are_guarded() -> None:
    guard = Guard()
    installed(guard, HOME, before=5, after=6)
    installed(guard, WORK, before=6, after=7)
    installed(guard, HOME, before=8, after=9)
    assert not guard.holds(9)
    installed(guard, WORK, before=9, after=10)
    assert guard.holds(10)


def test_change_that_slips_in_between_own_ones_leaves_nothing_guarded() -> None:
    guard = Guard()
    installed(guard, HOME, before=5, after=7)
    assert not guard.holds(7)
    installed(guard, HOME, before=7, after=8)
    assert guard.holds(8)


def test_tunnel_that_is_removed_needs_no_guard() -> None:
    guard = Guard()
    installed(guard, HOME, before=5, after=6)
    guard.installed(WORK, False)
    assert not guard.holds(6)
    guard.removed(WORK)
    assert guard.holds(6)
