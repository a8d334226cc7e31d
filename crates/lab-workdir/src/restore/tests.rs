mod conflict;
mod crash;
mod hostile;
mod new_tree;
mod planning;
mod round_trip;
mod scene;
