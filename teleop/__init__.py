"""Remote supervision: the vehicle-side bridge and the browser console."""
