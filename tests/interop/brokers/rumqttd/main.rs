//! rumqttd, from its crate: rumqttd FILE.toml. Its own program does not build with Rust 1.95.

fn main() {
    let path = std::env::args().nth(1).expect("rumqttd FILE.toml");
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let mut broker = rumqttd::Broker::new(toml::from_str(&text).expect("the file is right"));
    broker.start().expect("it starts");
}
