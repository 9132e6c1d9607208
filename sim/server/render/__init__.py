"""Pictures on a plain CPU: `renderer.Renderer` draws `scene.Mesh` and `scene.Instances`."""
