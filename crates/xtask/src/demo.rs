use xtask::Result;
pub(crate) fn demo(_: bool) -> Result<()> {
    Ok(())
}
pub(crate) fn stop() -> Result<()> {
    Ok(())
}
