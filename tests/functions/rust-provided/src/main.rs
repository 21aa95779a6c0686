//! A function on AWS's Rust runtime. The handler's name chooses what it does: `product`, or anything else to return
//! the event as it came.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json, value::RawValue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var("_HANDLER").is_ok_and(|handler| handler == "product") {
        run(service_fn(product)).await
    } else {
        run(service_fn(echo)).await
    }
}

async fn echo(event: LambdaEvent<Box<RawValue>>) -> Result<Box<RawValue>, Error> {
    Ok(event.payload)
}

async fn product(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let body: Value = serde_json::from_str(event.payload["body"].as_str().ok_or("the event has no body")?)?;
    let (first, second) = (number(&body["num1"])?, number(&body["num2"])?);
    println!("multiplying for {}", event.context.request_id);
    Ok(json!({
        "statusCode": 200,
        "body": format!("The product of {first} and {second} is {}", first * second),
    }))
}

fn number(value: &Value) -> Result<i64, Error> {
    match value {
        Value::String(text) => Ok(text.parse()?),
        other => other.as_i64().ok_or_else(|| "not a number".into()),
    }
}
