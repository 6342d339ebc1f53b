"""What a tunnel of one container survives, a shared network does, too."""

from tests.e2e.faults.test_containers_end import (
    test_killed_container_is_restarted_into_its_tunnel,
    test_removal_by_force_leaves_nothing,
)
from tests.e2e.faults.test_dockerd_restarts import (
    test_container_comes_back_before_its_endpoints_name_can_be_resolved,
    test_container_comes_back_when_dockerd_is_restarted,
    test_tunnel_goes_on_and_container_comes_back_when_dockerd_is_killed,
    test_tunnel_loses_nothing_where_containers_outlive_dockerd,
)
from tests.e2e.faults.test_full_disk import (
    test_container_ends_on_a_full_disk,
    test_full_disk_refuses_what_is_new_and_leaves_the_rest_alone,
)
from tests.e2e.faults.test_plugin_dies import (
    test_start_that_waited_for_a_name_can_be_repeated,
    test_starts_that_were_cut_short_can_be_repeated,
    test_tunnel_loses_nothing_when_the_plugin_is_killed,
)
from tests.e2e.faults.test_plugin_disabled import (
    test_containers_that_end_while_the_plugin_is_disabled_leave_nothing,
    test_tunnel_loses_nothing_while_the_plugin_is_disabled,
)
from tests.e2e.faults.test_plugin_upgraded import (
    installed,
    test_upgrade_keeps_tunnels_networks_and_the_environment,
)

__all__ = [
    "installed",
    "test_container_comes_back_before_its_endpoints_name_can_be_resolved",
    "test_container_comes_back_when_dockerd_is_restarted",
    "test_container_ends_on_a_full_disk",
    "test_containers_that_end_while_the_plugin_is_disabled_leave_nothing",
    "test_full_disk_refuses_what_is_new_and_leaves_the_rest_alone",
    "test_killed_container_is_restarted_into_its_tunnel",
    "test_removal_by_force_leaves_nothing",
    "test_start_that_waited_for_a_name_can_be_repeated",
    "test_starts_that_were_cut_short_can_be_repeated",
    "test_tunnel_goes_on_and_container_comes_back_when_dockerd_is_killed",
    "test_tunnel_loses_nothing_when_the_plugin_is_killed",
    "test_tunnel_loses_nothing_where_containers_outlive_dockerd",
    "test_tunnel_loses_nothing_while_the_plugin_is_disabled",
    "test_upgrade_keeps_tunnels_networks_and_the_environment",
]
