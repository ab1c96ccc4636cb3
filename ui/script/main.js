// The entry point that every page loads. Scripts only enhance: pages can be read and bought from before
// any script has loaded.
import "./theme.js";
import "./images.js";
import "./connection.js";
import "./variants.js";
import "./lists.js";
import "./cart.js";
import "./forms.js";
import "./suggestions.js";
import "./islands.js";
