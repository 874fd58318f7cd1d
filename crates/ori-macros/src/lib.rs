//! The attribute `#[task]`: a function that worker processes know by its name.
//!
//! Use it as `ori::task` or `ori_worker::task`; this crate is only where it is compiled. There are
//! two entries because the code that the attribute writes has to name the crate that it finds the
//! registry in, and a program depends on one of the two.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, Path, parse_macro_input, parse_quote};

/// Registers a function under its path, so that another executable can be asked to run it.
///
/// For programs that depend on the facade crate `ori`. It is for pools whose workers are another
/// executable: `ProcessPool::builder().executable(path)`.
///
/// ```text
/// #[ori::task]
/// fn measure(path: String, block: usize) -> u64 {
///     ..
/// }
/// ```
///
/// The function stays as it is: up to eight arguments and a result that can be serialized, neither
/// generic nor async, which is checked when it is compiled.
#[proc_macro_attribute]
pub fn task(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments, item, parse_quote!(::ori::worker))
}

/// Registers a function under its path, so that another executable can be asked to run it.
///
/// For programs that depend on the crate `ori-worker` itself, which has it as `ori_worker::task`.
///
/// ```text
/// #[ori_worker::task]
/// fn measure(path: String, block: usize) -> u64 {
///     ..
/// }
/// ```
///
/// The function stays as it is: up to eight arguments and a result that can be serialized, neither
/// generic nor async, which is checked when it is compiled.
#[proc_macro_attribute]
pub fn task_of_ori_worker(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(arguments, item, parse_quote!(::ori_worker))
}

fn expand(arguments: TokenStream, item: TokenStream, root: Path) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    match check(&arguments, &function) {
        Ok(()) => register(&function, &root),
        Err(error) => {
            let error = error.into_compile_error();
            // The function stays, so that its callers do not fail as well.
            quote!(#function #error).into()
        }
    }
}

fn check(arguments: &TokenStream, function: &ItemFn) -> Result<(), Error> {
    let signature = &function.sig;
    if !arguments.is_empty() {
        return Err(Error::new_spanned(&signature.ident, "`#[task]` takes no arguments"));
    }
    if signature.asyncness.is_some() {
        return Err(Error::new_spanned(
            signature.asyncness,
            "a task cannot be async: a worker runs one task at a time",
        ));
    }
    if !signature.generics.params.is_empty() {
        let message = "a task cannot be generic: its name would stand for many functions";
        return Err(Error::new_spanned(&signature.generics, message));
    }
    if signature.inputs.len() > 8 {
        return Err(Error::new_spanned(&signature.inputs, "a task takes at most 8 arguments"));
    }
    Ok(())
}

fn register(function: &ItemFn, root: &Path) -> TokenStream {
    let name = &function.sig.ident;
    quote! {
        #function

        const _: () = {
            use #root::__private::linkme;
            #[linkme::distributed_slice(#root::__private::NAMED_TASKS)]
            #[linkme(crate = linkme)]
            static TASK: #root::__private::NamedTask = #root::__private::NamedTask::new(
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
                #name,
            );
        };
    }
    .into()
}
