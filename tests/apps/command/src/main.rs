fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let environment: Vec<_> = std::env::vars()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    println!("{} {}", arguments.join(","), environment.join(","));
}
