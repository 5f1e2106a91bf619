interface MessagesProps {
  error: string;
  progress: string;
}

/** Both regions are always in the page: a screen reader announces only what changes inside a region it knows. */
export function Messages({ error, progress }: MessagesProps) {
  return (
    <>
      <div role="alert">
        {error && (
          <p className="message message-error" data-testid="error">
            {error}
          </p>
        )}
      </div>
      <div role="status">
        {progress && (
          <p className="message message-progress" data-testid="progress">
            {progress}
          </p>
        )}
      </div>
    </>
  );
}
