"""Scene and route in, plan and control command out; the last safety gate."""
