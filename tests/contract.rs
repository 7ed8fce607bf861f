//! Every registered kind passes the contract.
