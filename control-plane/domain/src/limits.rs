//! Lambda's quotas, with AWS's values as defaults.

/// Sizes in bytes. [AWS: recorded error messages name them; LocalStack: `LAMBDA_LIMITS_*` change them]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Zip archive uploaded in a request.
    pub code_size_zipped: u64,
    /// Function code, unpacked; this size itself is refused.
    pub code_size_unzipped: u64,
    /// Whole CreateFunction request.
    pub create_function_request: u64,
    /// All code of an account in a region.
    pub total_code_size: u64,
    /// Environment variables as compact JSON.
    pub environment: u64,
    /// Event of a synchronous invocation.
    pub request_payload: u64,
    /// Event of an asynchronous invocation.
    pub event_payload: u64,
    /// The same, of InvokeAsync. [AWS: InvokeAsync]
    pub invoke_async_payload: u64,
    /// Answer of a function.
    pub response_payload: u64,
    /// Answer of a function that streams it to a caller who takes it so.
    pub streamed_response: u64,
    /// Executions at the same time, per account and region.
    pub concurrent_executions: u32,
    /// Executions that functions cannot reserve, per account and region.
    pub unreserved_concurrency: u32,
    /// Tags of one resource.
    pub tags: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            code_size_zipped: 52_428_800,
            code_size_unzipped: 262_144_000,
            create_function_request: 70_167_211,
            total_code_size: 80_530_636_800,
            environment: 4096,
            request_payload: 6_291_456,
            event_payload: 1_048_576,
            invoke_async_payload: 262_144,
            response_payload: 6_291_556,
            streamed_response: 209_715_200,
            concurrent_executions: 1000,
            unreserved_concurrency: 100,
            tags: 50,
        }
    }
}
