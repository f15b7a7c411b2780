//! Types without serde's derives, as an argument and as the value.
//~ `Point` cannot be an argument of a process
//~ ^ this argument would have to cross to the child
//~ `Circle` cannot cross to another process
//~ ^ the child would have to send this value back
//~ derive serde's `Serialize` and `Deserialize` for the type

struct Point;
struct Circle;

fn around(_radius: u32, _center: Point) {}

fn unit() -> Circle {
    Circle
}

fn main() {
    procession::Process::new(around, (1, Point)).start().unwrap();
    procession::Process::new(unit, ()).start().unwrap();
}
