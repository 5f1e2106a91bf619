export function Message({ kind = "quiet", children }: { kind?: "quiet" | "error"; children: React.ReactNode }) {
  return (
    <p className={`message ${kind}`} role={kind === "error" ? "alert" : undefined}>
      {children}
    </p>
  );
}
