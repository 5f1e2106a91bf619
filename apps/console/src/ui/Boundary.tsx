import { Component } from "react";

import { Message } from "./Message.tsx";

/** What fails while it is drawn, or cannot be loaded because a newer console is there by now, takes only its own place. */
export class Boundary extends Component<{ children: React.ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): React.ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <Message kind="error">
        A part of the console could not be loaded.{" "}
        <button
          type="button"
          onClick={() => {
            window.location.reload();
          }}
        >
          Load the page anew
        </button>
      </Message>
    );
  }
}
