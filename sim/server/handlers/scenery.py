"""RPCs of street lights and debug drawings."""

from __future__ import annotations

from sim.server.rpc import Table, accepted

TABLE: Table = {
    "query_lights_state": accepted("query_lights_state: street lights follow the sun", list),
    "update_lights_state": accepted("update_lights_state: street lights follow the sun"),
    "update_day_night_cycle": accepted("update_day_night_cycle: street lights follow the sun"),
    "draw_debug_shape": accepted("draw_debug_shape: there is no screen to draw on"),
    "clear_debug_shape": accepted("clear_debug_shape: there is no screen to draw on"),
    "clear_debug_string": accepted("clear_debug_string: there is no screen to draw on"),
}
